"""The work of one machine done by many: actor pools and distributed training on Ray.

Nothing here decides what is computed: the workers run the code of the local commands on
partitions that are cut the same way, so the answers are the same. Scheduling, back-pressure,
retries and the transport of data are Ray's. Ray is imported by functions, never by a module,
and nothing else in this project imports it.
"""
