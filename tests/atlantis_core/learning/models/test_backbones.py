from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from pytest_httpserver import HTTPServer

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.models.backbone_modules import create_backbone
from atlantis_core.learning.models.backbones import NAMED, BackboneSpec, resolve_backbone, starts_from_scratch
from atlantis_core.learning.models.hub import why_unreachable
from atlantis_core.learning.retriever import frozen_retriever
from atlantis_core.learning.training.presets import adapt_to_backbone, parse_preset
from tests.atlantis_core.learning.conftest import VIT, write_weights


def copied(weights: Path, folder: Path) -> Path:
    """Copy weights and description."""
    for source in (weights, weights.with_suffix(".json")):
        shutil.copy(source, folder / source.name)
    return folder / weights.name


def test_a_file_becomes_a_backbone_of_pooled_features(backbone: BackboneSpec) -> None:
    module = create_backbone(backbone)
    assert (backbone.source, backbone.input_px, backbone.notice) == ("file", 32, "")
    assert {p.dtype for p in module.parameters()} == {torch.float32}
    assert module(torch.zeros(2, 3, 32, 32)).shape == (2, 32)
    assert not module.training


def test_weights_in_the_file_are_the_backbone(backbone: BackboneSpec, vit_weights: Path) -> None:
    from safetensors.torch import load_file

    name = "blocks.0.attn.qkv.weight"
    assert torch.equal(create_backbone(backbone).state_dict()[name], load_file(vit_weights)[name].float())


def test_fingerprint_follows_content_not_place(backbone: BackboneSpec, vit_weights: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = copied(vit_weights, tmp_path)
    assert resolve_backbone(weights=str(path)).fingerprint == backbone.fingerprint
    state = load_file(path)
    state["cls_token"] = state["cls_token"] + 1
    save_file(state, path)
    assert resolve_backbone(weights=str(path)).fingerprint != backbone.fingerprint


@pytest.mark.parametrize(
    ("name", "words"),
    [("no_such_model", "no_such_model"), ("hf-hub:timm/resnet18", "hf-hub:"), ("resnet18.nope", "nope")],
)
def test_unknown_names_are_reported_in_one_line(name: str, words: str) -> None:
    with pytest.raises(SetupError, match=words) as caught:
        resolve_backbone(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".pth", ".bin", ".ckpt"])
def test_pickles_are_refused_unread(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"cos\nsystem\n")
    with pytest.raises(SetupError, match="pickled"):
        resolve_backbone(weights=str(path))


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"gone\.safetensors.*not found"):
        resolve_backbone(weights=str(tmp_path / "gone.safetensors"))


def test_corrupt_weights_are_named(vit_weights: Path, tmp_path: Path) -> None:
    path = copied(vit_weights, tmp_path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(SetupError, match="cannot be read as safetensors"):
        resolve_backbone(weights=str(path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "need a description 'vit.json' beside them"),
        ("{", "not valid JSON"),
        ("[]", "lacks architecture"),
        ('{"architecture": "resnet18", "mean": [0], "std": [1]}', "lacks input_px"),
        ('{"architecture": "resnet18", "mean": [0], "std": [1,1,1], "input_px": 32}', "'mean'"),
        ('{"architecture": "zzz", "mean": [0,0,0], "std": [1,1,1], "input_px": 32}', "unknown backbone 'zzz'"),
    ],
)
def test_a_bad_description_is_reported(vit_weights: Path, tmp_path: Path, text: str | None, words: str) -> None:
    path = copied(vit_weights, tmp_path)
    path.with_suffix(".json").unlink()
    if text is not None:
        path.with_suffix(".json").write_text(text)
    with pytest.raises(SetupError, match=words.replace("(", r"\(")):
        resolve_backbone(weights=str(path))


def test_weights_of_another_architecture_are_refused(vit_weights: Path, tmp_path: Path) -> None:
    path = copied(vit_weights, tmp_path)
    facts = json.loads(path.with_suffix(".json").read_text())
    facts["arguments"]["depth"] = 3
    path.with_suffix(".json").write_text(json.dumps(facts))
    with pytest.raises(SetupError, match="do not fit architecture"):
        create_backbone(resolve_backbone(weights=str(path)))


def test_name_and_weights_must_agree(vit_weights: Path) -> None:
    with pytest.raises(SetupError, match="resnet18"):
        resolve_backbone("resnet18", str(vit_weights))
    assert resolve_backbone("vit_tiny_patch16_224", str(vit_weights)).source == "file"


def test_a_known_name_without_weights_starts_from_scratch_and_says_so() -> None:
    found = resolve_backbone("test_vit")
    assert found.source == "scratch"
    assert "'test_vit'" in found.notice
    assert "from scratch" in found.notice


def test_a_known_name_without_weights_is_refused_where_they_must_be_had() -> None:
    with pytest.raises(SetupError, match=r"'dino-vits16' .*FILE.safetensors.* or scratch:dino-vits16 for random"):
        resolve_backbone("dino-vits16", or_random=False)
    assert resolve_backbone("scratch:test_vit", or_random=False).weights == "random"


def test_nothing_asked_and_nothing_there_is_a_small_backbone_from_scratch() -> None:
    found = resolve_backbone()
    assert found.source == "scratch"
    assert "from scratch" in found.notice
    first, second = create_backbone(found).state_dict(), create_backbone(found).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("name", [None, "test_vit"])
def test_a_backbone_from_scratch_is_found_again_by_its_pinned_name(name: str | None) -> None:
    """A run resumed where the hub can be reached must not go on with pretrained weights."""
    found = resolve_backbone(name)
    again = resolve_backbone(found.pinned_name)
    assert again == found
    assert again.notice == ""
    assert again.pinned_name == found.pinned_name


@pytest.mark.parametrize("name", [None, "harbor-student", "scratch", "scratch:test_vit", "test_vit"])
def test_whether_a_backbone_starts_from_scratch_is_known_beforehand(name: str | None, vit_weights: Path) -> None:
    assert starts_from_scratch(name) == (resolve_backbone(name).source == "scratch")
    assert not starts_from_scratch(weights=str(vit_weights))


def test_scratch_of_nothing_known_is_refused() -> None:
    with pytest.raises(SetupError, match="'nonesuch'"):
        resolve_backbone("scratch:nonesuch")


def test_making_a_scratch_backbone_leaves_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    create_backbone(resolve_backbone("test_vit"))
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_scratch_backbone_is_trained_whole(backbone: BackboneSpec) -> None:
    cpu = parse_preset("cpu")
    assert adapt_to_backbone(cpu, backbone) == cpu
    adapted = adapt_to_backbone(cpu, resolve_backbone("test_vit"))
    assert adapted.trainable_fraction == 1.0
    assert adapted.steps > cpu.steps


def put_into_cache(folder: Path, name: str) -> Path:
    """Put random weights of a timm model where the hub's client would; returns the file."""
    import timm
    from safetensors.torch import save_file

    config = timm.get_pretrained_cfg(name)
    repository = folder / f"models--{config.hf_hub_id.replace('/', '--')}"
    weights = repository / "snapshots" / "abc" / (config.hf_hub_filename or "model.safetensors")
    weights.parent.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    save_file(timm.create_model(name).state_dict(), weights)
    return weights


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub cache that holds random weights of `test_vit`; returns the weights file."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return put_into_cache(tmp_path, "test_vit")


@pytest.mark.parametrize("name", NAMED)
def test_short_names_are_models_whose_weights_the_hub_has_unpickled(name: str) -> None:
    import timm

    architecture, _ = NAMED[name]
    assert timm.is_model(architecture)
    config = timm.get_pretrained_cfg(architecture)
    assert config.hf_hub_id
    assert (config.hf_hub_filename or "model.safetensors").endswith(".safetensors")
    found = resolve_backbone(name)
    assert (found.architecture, found.input_px, found.source) == (architecture, 224, "scratch")
    assert name in found.notice
    assert replace(resolve_backbone(found.pinned_name), notice="") == replace(found, notice="")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dinov2", "dino-vits16"])
def test_short_names_load_what_the_hub_has_at_224_pixels(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    put_into_cache(tmp_path, NAMED[name][0])
    found = resolve_backbone(name)
    assert (found.source, found.input_px) == ("cache", 224)
    assert resolve_backbone(found.pinned_name) == found
    assert frozen_retriever(found).embed([Image.new("RGB", (50, 40), "red")]).shape == (1, 384)


def test_weights_by_path_may_be_asked_for_by_short_name(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "v.safetensors", "vit_small_patch16_224", {**VIT, "num_heads": 2}, 3)
    assert resolve_backbone("dino-vits16", str(path)).source == "file"
    with pytest.raises(SetupError, match="not of 'clip'"):
        resolve_backbone("clip", str(path))


def test_cached_weights_need_no_network(hub_cache: Path) -> None:
    from safetensors.torch import load_file

    found = resolve_backbone("test_vit")
    assert (found.source, found.weights_path, found.notice) == ("cache", str(hub_cache), "")
    name = "blocks.0.attn.qkv.weight"
    assert torch.equal(create_backbone(found).state_dict()[name], load_file(hub_cache)[name])


def test_corrupt_cached_weights_are_named(hub_cache: Path) -> None:
    hub_cache.write_bytes(b"nothing")
    with pytest.raises(SetupError, match="delete the file"):
        create_backbone(resolve_backbone("test_vit"))


def test_a_hub_out_of_reach_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}",
    )
    assert "unreachable" in resolve_backbone("test_vit").notice


def test_an_unreachable_hub_is_known_at_once() -> None:
    assert "refused" in why_unreachable("http://127.0.0.1:9/x", seconds=2)


@pytest.mark.parametrize(("status", "answer"), [(200, ""), (404, ""), (503, "HTTP 503")])
def test_any_client_error_is_an_answer_of_the_hub(httpserver: HTTPServer, status: int, answer: str) -> None:
    httpserver.expect_request("/x").respond_with_data("", status=status)
    assert why_unreachable(httpserver.url_for("/x")) == answer


@pytest.mark.data
def test_the_shared_mobilenet_loads_strictly(shared_data: Path) -> None:
    path = shared_data / "weights" / "mobilenetv2_100_imagenet_same_fp16.safetensors"
    module = create_backbone(resolve_backbone(weights=str(path)))
    assert module(torch.zeros(1, 3, 64, 64)).shape == (1, 1280)
