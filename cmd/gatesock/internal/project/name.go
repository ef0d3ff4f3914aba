package project

import "strings"

// functionName returns the name in a reference to a function, without its qualifier: a name, an ID,
// "account:function:name" or an ARN. It reports whether it was the latter two.
func functionName(ref string) (name string, isARN bool) {
	if _, rest, ok := strings.Cut(ref, ":function:"); ok {
		ref, isARN = rest, true
	}
	name, _, _ = strings.Cut(ref, ":")
	return name, isARN
}
