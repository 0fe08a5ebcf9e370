"""Count the words that the captions of a collection use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atlantis_core.records import Caption

_EVERYWHERE = 0.95
"""A word in more than this share of the captions distinguishes no image."""


def count_caption_words(captions: Sequence[Caption], top: int = 60) -> list[tuple[str, int]]:
    """Return the `top` words and two-word phrases with their number of captions, most frequent first.

    Stop words are left out; words in nearly every caption come last. Captions are data, whatever they say.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    texts = [caption.text for caption in captions if caption.text.strip()]
    counter = CountVectorizer(stop_words="english", binary=True, ngram_range=(1, 2))
    try:
        found = counter.fit_transform(texts)
    except ValueError:  # no captions, or nothing but stop words
        return []
    counts = zip(counter.get_feature_names_out().tolist(), found.sum(axis=0).tolist()[0], strict=True)
    ordered = sorted(
        counts, key=lambda pair: (pair[1] > _EVERYWHERE * len(texts), -pair[1], pair[0].count(" "), pair[0])
    )
    return [(str(word), int(count)) for word, count in ordered[:top]]
