"""Public scoreboards: fixed data, fixed protocol, our figures beside the published ones.

`reading` turns the files of a scoreboard into a dataset, `rounds` cuts it as its protocol
says, `boards` lists what is published and what we aim at, `play` trains and measures one
seed, `page` writes the table.
"""
