"""What every part of a serving keeps to."""

from __future__ import annotations

import numpy as np
import pytest

from atlantis_core.base.errors import SetupError, TrainingFailed
from atlantis_core.learning.serving.interface import Photos
from atlantis_core.learning.serving.served_ranking import rank_served
from atlantis_core.learning.serving.servings import SERVINGS, parse_serving

every_part = pytest.mark.parametrize("name", sorted(SERVINGS))
LABELS_SPREAD = {"rectify", "spread"}
"""Parts that give labels of gallery photos to others, so that no query may be a gallery photo."""


@every_part
def test_the_same_photos_give_the_same_ranking_in_any_order(name, draw):
    gallery, pool, queries = draw(1, 60), draw(2, 80, labelled=False), draw(3, 30)
    order = np.random.default_rng(0).permutation(60)
    facets = tuple(gallery.facets[row] for row in order)
    shuffled = Photos(gallery.vectors[order], gallery.labels[order], facets)
    first, second = (rank_served(parse_serving(name).fit(one, pool), queries) for one in (gallery, shuffled))
    assert first.first_hit.tolist() == second.first_hit.tolist()
    assert first.has_positive.all()


@every_part
def test_each_query_is_served_alone(name, draw):
    """A search engine answers one query at a time: the others must not matter."""
    served = parse_serving(name).fit(draw(1, 60), draw(2, 80, labelled=False))
    queries = draw(3, 12)
    together = rank_served(served, queries).first_hit
    for row in range(12):
        one = slice(row, row + 1)
        alone = rank_served(served, Photos(queries.vectors[one], queries.labels[one], queries.facets[one]))
        assert alone.first_hit[0] == together[row]


@every_part
def test_a_perfect_model_stays_perfect(name, draw):
    gallery, pool, queries = (
        draw(1, 60, spread=0.01),
        draw(2, 80, labelled=False, spread=0.01),
        draw(3, 30, spread=0.01),
    )
    assert rank_served(parse_serving(name).fit(gallery, pool), queries).first_hit.max() == 0


@pytest.mark.parametrize("name", sorted(LABELS_SPREAD))
def test_a_query_whose_own_label_would_be_spread_is_refused(name, draw):
    gallery = draw(1, 60)
    served = parse_serving(name).fit(gallery, draw(2, 80, labelled=False))
    with pytest.raises(SetupError, match="leave spread and rectify out"):
        rank_served(served, gallery, np.arange(60))


@pytest.mark.parametrize("name", sorted(set(SERVINGS) - LABELS_SPREAD))
def test_a_query_with_no_positive_but_itself_is_left_out(name, draw):
    gallery, pool = draw(1, 60), draw(2, 80, labelled=False)
    labels = gallery.labels.copy()
    labels[7] = 9
    alone = Photos(gallery.vectors, labels, gallery.facets)
    served = parse_serving(name).fit(alone, pool)
    own = np.array([6, 7])
    queries = Photos(alone.vectors[own], labels[own], [alone.facets[row] for row in own])
    ranking = rank_served(served, queries, own)
    assert ranking.has_positive.tolist() == [True, False]
    assert not np.isin(served.entries.photos[ranking.nearest], own)[0]


@every_part
def test_its_text_gives_it_again(name):
    serving = parse_serving(name)
    assert str(serving) == name
    assert parse_serving(str(serving)) == serving


@every_part
def test_embeddings_that_are_not_finite_are_refused(name, draw):
    gallery = draw(1, 20)
    gallery.vectors[3, 2] = np.nan
    with pytest.raises(TrainingFailed, match="not finite"):
        parse_serving(name).fit(gallery, draw(2, 20, labelled=False))


@every_part
def test_an_unknown_option_is_refused_in_one_line(name):
    with pytest.raises(SetupError, match="has no option 'colour'") as refused:
        parse_serving(f"{name}:colour=1")
    assert "\n" not in str(refused.value)
