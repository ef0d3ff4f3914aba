// Package apikey makes and verifies API keys for package authz: credentials of devices and servers,
// for which no user signs in.
//
//	keys := apikey.New(store)
//	key, secret, err := keys.Create(ctx, apikey.Key{
//		Name: "sensor 7", Owner: "plant-1", Scopes: []string{"readings:write"},
//	})
//	// show the secret now: it can't be retrieved later
//
//	who := authz.Bearer(keys, authz.Header("X-Api-Key"), authz.SubprotocolToken())
//
// A [Store] keeps keys: [NewMemory] makes one for a single process, and package dynamo has
// one on DynamoDB. On the command line, "gatesock keys" manages keys in a table (cmd/gatesock).
//
// # Rotation
//
// To replace a secret regularly, rotate the key with an overlap in which both secrets are valid. To
// replace one that has leaked, rotate without:
//
//	_, secret, err := keys.Rotate(ctx, id, 0)
//
// # The text of a key
//
// A key looks like gs_0K3f9bQxT2mR_8jW…: a prefix that secret scanners can find, an id, a secret of
// 256 bits, and a checksum, which reveals a key that was cut or mistyped without a read of the
// store. The store has only a hash of the secret. It is a plain SHA-256, since nobody can guess 256
// random bits, slowly or fast. The [Key] field UsageKey is the only secret that is stored as plain
// text: API Gateway needs it with each connection.
package apikey
