package emulator

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/gatesock/gatesock/internal/jsontext"
)

// Keys that the gateway itself adds to an authorizer's context. They come last, in this order, in captured events.
const (
	keyPrincipalID        = "principalId"
	keyIntegrationLatency = "integrationLatency"
)

// encodeAuthorizer gives the member that requestContext has where an authorizer ran: flat, the values as strings
// but for the numeric integrationLatency (observed: aws-lambda-typing#65; the strings are inferred from
// REST APIs). Values may be strings, numbers and booleans (AWS Developer Guide, "Output from API Gateway
// Lambda authorizer"). It is empty without any.
func encodeAuthorizer(values map[string]any) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	keys := slices.DeleteFunc(sortedKeys(values), func(k string) bool {
		return k == keyPrincipalID || k == keyIntegrationLatency
	})
	for _, last := range []string{keyPrincipalID, keyIntegrationLatency} {
		if _, ok := values[last]; ok {
			keys = append(keys, last)
		}
	}
	b := []byte(`,"authorizer":{`)
	for i, k := range keys {
		text, err := scalarText(values[k])
		if err != nil {
			return "", fmt.Errorf("authorizer value %.100q: %w", k, err)
		}
		b = appendKey(b, i, k)
		if n, err := strconv.Atoi(text); err == nil && k == keyIntegrationLatency {
			b = strconv.AppendInt(b, int64(n), 10) // not as written, which may be +5 or 007
			continue
		}
		b = jsontext.AppendString(b, text)
	}
	return string(append(b, '}')), nil
}

func scalarText(v any) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	switch text[0] {
	case '{', '[', 'n':
		return "", fmt.Errorf("%.200s is neither a string nor a number nor a boolean", text)
	case '"':
		var s string
		err = json.Unmarshal(text, &s)
		return s, err
	}
	return string(text), nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
