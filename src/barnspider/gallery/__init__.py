"""The gallery: packed studies -> figures, tables, and the generated parts of a page. Nothing is typed by hand."""
