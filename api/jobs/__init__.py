"""Work that is answered later: accepted in one transaction, done by a worker, ended in one transaction."""
