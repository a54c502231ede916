-- For other features, whose facts outlive accounts and so have no foreign key: those of these accounts that exist. None of
-- them can be deleted before the caller's transaction ends, so a deletion finds whatever the caller writes about them.
CREATE FUNCTION "umpire"."account_hold"(wanted text[]) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT id FROM umpire.accounts WHERE id = ANY(wanted) ORDER BY id FOR KEY SHARE
$$;
