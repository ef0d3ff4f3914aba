// Package describing knows whether the program was started to describe itself.
package describing

import "os"

// Variable is the environment variable that asks a program for its description.
const Variable = "GATESOCK_DESCRIBE"

// On reports whether the program is to describe itself: whether the variable is set to something
// other than "0" and "false".
func On() bool {
	value := os.Getenv(Variable)
	return value != "" && value != "0" && value != "false"
}
