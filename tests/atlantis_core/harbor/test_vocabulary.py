import pytest

from atlantis_core.harbor.vocabulary import (
    COLOURS,
    CONDITIONS,
    DEMO_CLASSES,
    PRETRAIN_CLASSES,
    VESSELS,
    VesselClass,
    caption_for,
)


def test_demo_and_pretraining_classes_share_no_triple_and_cover_everything():
    demo = {(c.vessel, c.hull, c.trim) for c in DEMO_CLASSES}
    pretrain = {(c.vessel, c.hull, c.trim) for c in PRETRAIN_CLASSES}
    assert not demo & pretrain
    assert len(demo) == 48
    assert len(demo | pretrain) == len(VESSELS) * len(COLOURS) * (len(COLOURS) - 1)


def test_demo_classes_are_balanced_over_vessels_and_colours():
    for vessel in VESSELS:
        of_vessel = [c for c in DEMO_CLASSES if c.vessel == vessel]
        assert sorted(c.hull for c in of_vessel) == sorted(COLOURS)
        assert sorted(c.trim for c in of_vessel) == sorted(COLOURS)


def test_labels_are_unique_and_read_back():
    every = DEMO_CLASSES + PRETRAIN_CLASSES
    assert len({c.label for c in every}) == len(every)
    assert all(VesselClass.from_label(c.label) == c for c in every)
    assert VesselClass("trawler", "red", "white").label == "trawler-red-white"


@pytest.mark.parametrize(
    ("label", "culprit"),
    [("canoe-red-white", "canoe"), ("tug-red-pink", "pink"), ("tug-red-red", "red"), ("tug-red", "tug-red")],
)
def test_a_label_that_cannot_be_drawn_is_refused_by_name(label, culprit):
    with pytest.raises(ValueError, match=culprit):
        VesselClass.from_label(label)


def test_captions_say_what_is_shown():
    assert caption_for(VesselClass("trawler", "red", "white"), "night") == "a red and white trawler at night"
    assert caption_for(VesselClass("tug", "orange", "blue"), "fog") == "an orange and blue tug in fog"
    words = {caption_for(c, condition) for c in DEMO_CLASSES for condition in CONDITIONS}
    assert len(words) == len(DEMO_CLASSES) * len(CONDITIONS)
