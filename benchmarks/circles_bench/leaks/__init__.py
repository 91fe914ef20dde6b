"""The proof by bytes: unique words said in every way, and a look for them wherever they must not be."""
