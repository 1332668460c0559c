"""What the workflow needs besides the science: configuration, tables, records, devices, forecasts."""
