"""Image search: a collection's embeddings in a Chroma index, searched by image, vector or text.

How an index is built: `filters` (what can be filtered by), `embedder` and `clip` (models), `index_building`.
How it is searched: `image_search` (images, text), `index` (vectors), `vectors` (exactly), `recall_check`.
How it is kept: `index_folders` (facts, lock, checksums), `index_writing` (changes, removal), `chroma` (the library).
"""
