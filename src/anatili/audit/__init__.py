"""What a model refuses, evades, omits or bends, in which language; measured against matched controls."""
