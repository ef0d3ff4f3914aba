// Package apikey makes and verifies API keys for package authz: those of devices and servers, which have no user that signs in.
//
//	keys := apikey.New(store)
//	key, secret, err := keys.Create(ctx, apikey.Key{Name: "sensor 7", Owner: "plant-1", Scopes: []string{"readings:write"}})
//	// show the secret once: nobody can again
//
//	who := authz.Bearer(keys.Verifier(), authz.Header("X-Api-Key"), authz.SubprotocolToken())
//
// A key looks like gs_0K3f9bQxT2mR_8jW…: a prefix that secret scanners can look for, an id, a secret of 256 bits and a checksum, by
// which a key that was cut or mistyped is told from one that is unknown without asking the store. The store has a hash of the
// secret. That is a plain SHA-256: a secret of 256 random bits cannot be guessed, slowly or fast. One secret is
// stored in plain text: [Key].UsageKey, for usage plans of the gateway, since the gateway needs it with each connection.
//
// A secret that is due for a change is rotated with an overlap, in which both are good. One that has leaked is rotated without:
//
//	_, secret, err := keys.Rotate(ctx, id, 0)
//
// On the command line, gatesock keys does what [Manager] does (cmd/gatesock); for a leak, gatesock keys rotate --leaked.
//
// A [Store] keeps keys: [Memory] in one process, package dynamo in a DynamoDB table.
package apikey
