package workbench

// userOf returns what an authorizer of package authz returns for a user, in the form that the
// gateway adds to events, and the usage key.
func userOf(id string) (values map[string]any, usageKey string, err error) {
	return map[string]any{"principalId": id}, "", nil
}
