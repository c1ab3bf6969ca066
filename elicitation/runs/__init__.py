"""Work that somebody asked for at a review desk: a worker does it, a row tells how far it is."""
