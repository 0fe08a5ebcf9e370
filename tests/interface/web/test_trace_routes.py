"""What the trace page asks for: the tree without its bulk, a search in all of it, an image's own step."""

from __future__ import annotations

from typing import Any

from atlantis_dml.text.figures import format_duration
from tests.interface.conftest import write_prompts


def whole_seconds(client, url: str, step: dict[str, Any]) -> float:
    """The time of a step is that of its calls too; those within it are part of it already."""
    own = client.get(f"{url}/trace/{step['id']}").json()["seconds"]
    return own + sum(whole_seconds(client, url, child) for child in step["children"] if child["kind"] == "tool")


def test_the_trace_is_a_tree_with_search_and_leads_from_an_image_to_its_step(client, fabricated) -> None:
    url = f"/data/runs/{fabricated.run_id}"
    trace = client.get(f"{url}/trace").json()
    assert [step["kind"] for step in trace["steps"]] == ["planner", "judge", "planner", "judge"]
    assert trace["steps"][0]["children"][0]["title"].startswith("tool generate_images")
    assert trace["took"] == format_duration(sum(whole_seconds(client, url, step) for step in trace["steps"]))
    assert trace["found"] == []
    found = client.get(f"{url}/trace", params={"words": "CANDIDATE: 2 trainings"}).json()["found"]
    assert len(found) == 2
    whole = client.get(f"{url}/trace/{found[0]}").json()
    assert whole["output"]["text"] == "candidate: 2 trainings"
    assert client.get(f"{url}/trace/999999").status_code == 404
    row = client.get(f"{url}/candidates", params={"round": 2}).json()["candidates"][0]
    event = client.get(f"{url}/made/{row['key']}").json()["event"]
    assert client.get(f"{url}/trace/{event}").json()["name"] == "generate_images"
    assert event in [child["id"] for child in trace["steps"][2]["children"]]


def test_every_prompt_is_found_in_the_trace_and_read_once(client, fabricated) -> None:
    event = write_prompts(fabricated, ("a tug", "a tug in close up"))
    url = f"/data/runs/{fabricated.run_id}/trace"
    outline = client.get(url)
    assert "close up" not in outline.text
    assert client.get(url, params={"words": "Close up"}).json()["found"] == [event]
    (request,) = client.get(f"{url}/{event}").json()["output"]["artifact"]["cells"]
    assert request["prompts"] == ["a tug", "a tug in close up"]
    assert "steps" not in client.get(url, params={"seen": outline.json()["stamp"]}).json()
    write_prompts(fabricated, ("another",))
    assert client.get(url, params={"seen": outline.json()["stamp"]}).json()["steps"]


def test_an_image_leads_to_its_step_with_its_prompt_photo_and_verdict(client, fabricated) -> None:
    url = f"/data/runs/{fabricated.run_id}"
    row = client.get(f"{url}/candidates", params={"status": "kept"}).json()["candidates"][-1]
    client.post(f"{url}/overrule", json={"keys": [row["key"]], "kept": False})
    image = client.get(f"{url}/made/{row['key']}").json()["image"]
    unchanged = ("key", "prompt", "seed", "generator", "source")
    assert {name: image[name] for name in unchanged} == {name: row[name] for name in unchanged}
    assert (image["status"], image["by_hand"]) == ("rejected", True)
    assert image["verdict"]["reason"].startswith("rejected by hand (margin")
    assert client.get(f"{url}/image/{image['source']}").status_code == 200


def test_what_is_shown_of_a_step_is_found(client, fabricated) -> None:
    url = f"/data/runs/{fabricated.run_id}/trace"
    judged = client.get(url).json()["steps"][-1]
    assert judged["gist"] == "rolled back: because"
    for words in ("rolled back", "4. judge  round 2", "ROLLED BACK: because"):
        assert client.get(url, params={"words": words}).json()["found"] == [judged["id"]], words
    found = client.get(url, params={"words": 'arguments: arm="candidate"'}).json()["found"]
    assert len(found) == 2
