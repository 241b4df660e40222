"""Old records through the very same filters, in process, on virtual time; nothing can be sent.

There is no sender here that reaches anybody: `inprocess` binds one that only remembers.
"""
