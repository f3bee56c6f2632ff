"""Reports as one HTML file that opens offline: its script, its style and its numbers inside."""
