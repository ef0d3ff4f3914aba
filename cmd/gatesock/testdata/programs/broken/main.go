// Command broken does not compile.
package main

func main() {
	missing()
	var unused int
	return 1
}
