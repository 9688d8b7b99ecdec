"""Tasks that arrange other tasks: one small class each, which says what comes next and how states fold."""
