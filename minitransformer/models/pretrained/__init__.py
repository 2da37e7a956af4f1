"""Folders in the layout of Hugging Face, of GPT-2 and of the Llama kind."""
