package asyncapi

import (
	"fmt"
	"slices"
	"strings"
)

// keys returns a key of the document for each name. AsyncAPI allows letters, digits, ".", "-" and
// "_" in keys. A name of these is its own key; another gets one that looks like it, with a number
// if the key is taken.
func keys(names []string) map[string]string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	byName, taken := make(map[string]string, len(names)), make(map[string]bool, len(names))
	for _, name := range names {
		if name != "" && keyOf(name) == name {
			byName[name], taken[name] = name, true
		}
	}
	for _, name := range names {
		if _, ok := byName[name]; ok {
			continue
		}
		key := keyOf(name)
		for n := 2; taken[key]; n++ {
			key = fmt.Sprintf("%s_%d", keyOf(name), n)
		}
		byName[name], taken[key] = key, true
	}
	return byName
}

// keyOf replaces what keys do not allow.
func keyOf(name string) string {
	key := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
			return r
		default:
			return '_'
		}
	}, name)
	switch key {
	case "":
		return "_"
	case "__proto__": // programs in JavaScript would take it for something else
		return "_proto_"
	}
	return key
}
