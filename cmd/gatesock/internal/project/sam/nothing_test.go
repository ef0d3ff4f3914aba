package sam_test

import "context"

// nothing is a handler that answers nothing.
type nothing struct{}

func (nothing) Invoke(context.Context, []byte) ([]byte, error) { return nil, nil }
