// Package dynamotable stands in for dynamo/internal/table until the other stores have moved to package dynamo.
package dynamotable

import "fmt"

// The attributes of the key, and the expiry.
const (
	PartitionKey = "pk"
	SortKey      = "sk"
	Expiry       = "exp"
)

// Prefix returns the prefix of a namespace, unchecked.
func Prefix(namespace string) (string, error) {
	switch {
	case namespace == "":
		return "", nil
	case len(namespace) > 255:
		return "", fmt.Errorf("the namespace %.300q is longer than 255 bytes", namespace)
	}
	for _, c := range namespace {
		if c == '#' || c == '\uFFFD' {
			return "", fmt.Errorf("the namespace %.300q is longer than 255 bytes, has a '#' or is not UTF-8", namespace)
		}
	}
	return "@" + namespace + "#", nil
}
