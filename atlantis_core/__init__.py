"""The data engineer's workshop: data, statistics, generation, filtering, learning, metrics and the store.

No language model in here. Importing this package does three things and no more: it lets PyPI's torchvision
import beside a CPU-only torch, it turns the telemetry of third-party libraries off, and it tells OpenMP's threads
to sleep while they wait: spinning ones slow torch down thirtyfold when anything else runs on the machine.
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
    "OMP_WAIT_POLICY": "passive",
    "RAY_USAGE_STATS_ENABLED": "0",
}.items():
    os.environ.setdefault(_variable, _value)

torchvision_hook.install()
