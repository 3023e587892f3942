"""The chat beside the editor: conversations, what goes along with a question, and answers as they come."""
