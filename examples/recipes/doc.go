// Package recipes has the code that docs/recipes.md shows, so that it compiles and is tested.
package recipes
