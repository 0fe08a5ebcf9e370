"""A folder of unlabelled photos: reading it, pseudo-labels, questions to a person and their answers.

No label of a pool is ever read; only `answer_file` opens a file of answers, which a person names.
"""
