"""The nearest images in the eyes of a trial's model, against cosines computed here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.retriever import load_retriever
from atlantis_core.run.session import Session
from atlantis_core.run.training_set import collect_real
from atlantis_core.run.trials import train_arm
from atlantis_core.views.candidates import list_candidates
from atlantis_core.views.neighbours import Neighbours


@pytest.fixture
def trained(made_run) -> tuple[Session, str]:
    session, _ = made_run
    spec = replace(session.spec, preset="smoke", backbone="harbor-student")
    session = Session(session.workspace, session.run_id, spec)
    (trial,) = train_arm(session, [0], collect_real(session))
    assert trial.status == "finished"
    return session, trial.id


def test_nearest_images_are_those_of_the_highest_cosines(trained) -> None:
    session, trial_id = trained
    images = session.collection.of_split("train")
    near = Neighbours(session, trial_id, images)
    candidates = [row.candidate for row in list_candidates(session)]
    retriever = load_retriever(session.workspace.models / trial_id)
    cosines = retriever.embed([one.path for one in candidates]) @ retriever.embed([one.path for one in images]).T
    found = near.nearest(candidates, 3)
    for row, each in enumerate(found):
        best = np.sort(cosines[row])[::-1][:3]
        assert [one.nearness for one in each] == pytest.approx(best.tolist(), abs=1e-4)
    by_picture = near.nearest_to([Image.open(candidates[0].path)], 3)[0]
    assert [one.image.id for one in by_picture] == [one.image.id for one in found[0]]
    with pytest.raises(SetupError):
        near.nearest_to(["/nowhere.png"], 1)


def test_nearest_images_can_be_filtered(trained) -> None:
    session, trial_id = trained
    near = Neighbours(session, trial_id, session.collection.images)
    picture = session.collection.images[0].path
    facet, values = session.collection.facets[0], near.columns[session.collection.facets[0]]
    every = near.nearest_to([picture], len(session.collection.images))[0]
    some = near.nearest_to([picture], len(every), {facet: values[0], "split": ["validation"]})[0]
    wanted = [one for one in every if one.image.facets.get(facet) == values[0] and one.image.split == "validation"]
    assert [one.image.id for one in some] == [one.image.id for one in wanted] != []
    for where, telling in (({"smell": "x"}, "no column 'smell'"), ({"split": "test"}, "sealed")):
        with pytest.raises(SetupError, match=telling):
            near.nearest_to([picture], 1, where)
