"""What people look at: tables, plots and one HTML page, made from records only."""
