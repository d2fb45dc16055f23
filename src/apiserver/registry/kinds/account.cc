// ServiceAccounts, and the requests about tokens and access that are never stored.
#include "src/apiserver/registry/kinds/kinds.h"

namespace kist::apiserver {

const Strategy kServiceAccountStrategy = {};
const Strategy kTokenRequestStrategy = {};
const Strategy kTokenReviewStrategy = {};
const Strategy kSubjectAccessReviewStrategy = {};
const Strategy kLocalSubjectAccessReviewStrategy = {};
const Strategy kSelfSubjectAccessReviewStrategy = {};
const Strategy kSelfSubjectRulesReviewStrategy = {};

}  // namespace kist::apiserver
