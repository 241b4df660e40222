"""How records flow: stages, batches, ports and their adapters, Lambda handlers and the local run.

Reading order: `stages` (the chain), `batch` (one filter over one batch), `ports` (what a stage
needs from outside), `handlers` (the four entry points), `aws` and `memory` (two sets of adapters),
`local` (the chain on one machine).
"""
