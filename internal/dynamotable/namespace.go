package dynamotable

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxNamespace is the longest namespace, in bytes: it is part of every partition key, which has up to 2,048 (DynamoDB Developer
// Guide, "Constraints in Amazon DynamoDB").
const MaxNamespace = 255

// Prefix gives what the partition keys of a namespace begin with, so that nobody else's do: nothing for the empty one. It fails on one
// that is longer than [MaxNamespace], has a '#' or is not UTF-8.
func Prefix(namespace string) (string, error) {
	switch {
	case namespace == "":
		return "", nil
	case len(namespace) > MaxNamespace || strings.Contains(namespace, "#") || !utf8.ValidString(namespace):
		return "", fmt.Errorf("the namespace %.300q is longer than %d bytes, has a '#' or is not UTF-8", namespace, MaxNamespace)
	}
	return "@" + namespace + "#", nil
}
