package cloud

import (
	"context"
	"errors"
)

// DynamoOptions say how [StartDynamo] runs DynamoDB Local.
type DynamoOptions struct {
	// Cache is the folder where the program is kept between runs, for all projects. It is made.
	Cache string
	// Data is the folder of the tables, which is made; empty keeps them in memory.
	Data string
	// Log is told what takes time, such as a download, in a sentence; it may be nil.
	Log func(string)
}

// Dynamo is a running DynamoDB Local.
type Dynamo struct {
	// URL is its address.
	URL string
}

// StartDynamo runs Amazon's DynamoDB Local on a free port of this machine and returns when it
// answers. It downloads the program with npm if the cache has none, and checks what has come. It
// needs java, and for the download npm; the error says what is missing and how to get it. On Linux
// the program ends with this process, however that ends.
func StartDynamo(_ context.Context, _ DynamoOptions) (*Dynamo, error) {
	return nil, errors.New("cloud: DynamoDB Local is not there yet")
}

// Close ends the program and waits for its end.
func (d *Dynamo) Close() error { return nil }
