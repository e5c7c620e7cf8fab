"""OSC-EM documents as PDBx/mmCIF for the repositories, and back."""
