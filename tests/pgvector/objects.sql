-- What the extension that has the type vector made, a line each, in the properties that a client, a dump or the planner can see.
SET search_path = public;
CREATE TEMPORARY VIEW members AS
SELECT d.classid, d.objid FROM pg_depend d
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
    AND d.refobjid = (SELECT refobjid FROM pg_depend WHERE classid = 'pg_type'::regclass AND objid = 'vector'::regtype AND deptype = 'e');

SELECT format('type %s: %s', oid::regtype, concat_ws(' ', typlen, typbyval, typtype, typcategory, typispreferred, typdelim, typelem, typarray::regtype, typinput, typoutput,
    typreceive, typsend, typmodin, typmodout, typanalyze, typsubscript, typalign, typstorage, typbasetype, typtypmod))
FROM pg_type JOIN members ON classid = 'pg_type'::regclass AND objid = oid WHERE oid IN ('vector'::regtype, 'halfvec'::regtype, 'sparsevec'::regtype);

SELECT format('function %s: %s', p.oid::regprocedure, concat_ws(' ', pg_get_function_result(p.oid), prokind, proretset, provolatile, proisstrict, proparallel, prosecdef, proleakproof,
    procost, pronargdefaults, proargnames::text, proconfig::text))
FROM pg_proc p JOIN members ON classid = 'pg_proc'::regclass AND objid = p.oid WHERE pronamespace = 'public'::regnamespace;

SELECT format('aggregate %s: %s', aggfnoid::regprocedure, concat_ws(' ', aggkind, aggnumdirectargs, aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn, aggmtransfn, aggfinalextra,
    aggfinalmodify, aggsortop, aggtranstype::regtype, aggtransspace, coalesce(agginitval, 'NULL')))
FROM pg_aggregate JOIN members ON classid = 'pg_proc'::regclass AND objid = aggfnoid;

SELECT format('operator %s: %s', o.oid::regoperator, concat_ws(' ', oprkind, oprresult::regtype, oprcode::regprocedure, oprcom::regoperator, oprnegate::regoperator, oprrest, oprjoin, oprcanmerge, oprcanhash))
FROM pg_operator o JOIN members ON classid = 'pg_operator'::regclass AND objid = o.oid;

SELECT format('cast %s to %s: %s', castsource::regtype, casttarget::regtype, concat_ws(' ', castfunc::regprocedure, castcontext, castmethod))
FROM pg_cast c JOIN members ON classid = 'pg_cast'::regclass AND objid = c.oid;

SELECT format('class %s of %s for %s: %s', opcname, amname, opcintype::regtype, concat_ws(' ', opfname, opcdefault, opckeytype::regtype,
    (SELECT string_agg(concat_ws(' ', amopstrategy, amoppurpose, amopopr::regoperator, amopsortfamily), ', ' ORDER BY amopstrategy) FROM pg_amop WHERE amopfamily = f.oid)))
FROM pg_opclass c JOIN members ON classid = 'pg_opclass'::regclass AND objid = c.oid JOIN pg_opfamily f ON f.oid = opcfamily JOIN pg_am a ON a.oid = opcmethod;

SELECT format('access method %s: %s %s', amname, amtype, amhandler) FROM pg_am a JOIN members ON classid = 'pg_am'::regclass AND objid = a.oid;
