"""Pages of reader studies: for readers, who come with an invitation code or an account, and for organisers."""
