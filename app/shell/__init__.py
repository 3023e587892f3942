"""What joins the rooms to the window: its frame, menus and bars, and a module for the wishes of each page."""
