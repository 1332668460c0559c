"""Deep RFM against the number of training points: no rules of its own, as the figure reads the table of Deep RFMs."""
