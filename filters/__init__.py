"""What we decide: four pure filters, functions of records and of the ports passed in.

Reading order: `outcome` (what a filter answers), `normalize` (bytes -> statuses), `legs` (the state
of a leg), `detect` (statuses -> disruptions), `join` (disruptions -> notices), `notify` (notices ->
words handed to a sender). The numbers and words they use are files in `data`.
"""
