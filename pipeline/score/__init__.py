"""How good feeds are: how late, complete and steady each is, and where two of them disagree.

`telling` keeps what one feed told of one leg, `feeds` scores one feed, `between` compares two, and
`card` takes messages in and gives the scores. Nothing is sent; memory grows with legs only.
"""
