"""Statistics and figures of Heed: data frames in, frozen results out."""
