"""Pretrained GPT-2, Llama and Mistral models, from folders in Hugging Face's layout."""
