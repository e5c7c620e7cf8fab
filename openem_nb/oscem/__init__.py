"""OSC-EM: the metadata of electron microscopy as a document that can be checked."""
