"""The commands of `shingan`, a module per group; each imports what it needs when it runs, so that help is instant."""
