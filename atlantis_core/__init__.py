"""The data engineer's workshop: data, statistics, generation, filtering, learning, metrics and the store.

No language model in here. Importing this package does two things and no more: it lets PyPI's torchvision
import beside a CPU-only torch, and it turns the telemetry of third-party libraries off.
"""

import os

from atlantis_core import torchvision_hook

for _variable, _value in {
    "ANONYMIZED_TELEMETRY": "False",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "LANGGRAPH_CLI_NO_ANALYTICS": "1",
    "LANGSMITH_TRACING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
}.items():
    os.environ.setdefault(_variable, _value)

torchvision_hook.install()
