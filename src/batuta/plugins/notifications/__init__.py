"""Messages to people: chats, mail, alarms."""
