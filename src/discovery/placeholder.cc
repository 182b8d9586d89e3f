// placeholder until the room has code
