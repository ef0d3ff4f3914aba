package main

import "context"
import "io"

func probeAll(context.Context, []contender, io.Writer) error { return nil }
