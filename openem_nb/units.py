"""Units in which electron microscopists write metadata: one table."""
